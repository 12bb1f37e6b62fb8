"""Field numbers and element types of ONNX files.

Source: onnx/onnx.proto, https://github.com/onnx/onnx.
"""

from __future__ import annotations

from typing import Final


class Model:
    """Fields of a ``ModelProto``."""

    GRAPH: Final = 7
    OPSETS: Final = 8
    FUNCTIONS: Final = 25


class Opset:
    """Fields of an ``OperatorSetIdProto``."""

    DOMAIN: Final = 1
    VERSION: Final = 2


class Function:
    """Fields of a ``FunctionProto``."""

    NODES: Final = 7


class Graph:
    """Fields of a ``GraphProto``."""

    NODES: Final = 1
    INITIALISERS: Final = 5
    INPUTS: Final = 11
    OUTPUTS: Final = 12
    VALUES: Final = 13
    SPARSE: Final = 15


class Node:
    """Fields of a ``NodeProto``."""

    INPUTS: Final = 1
    OUTPUTS: Final = 2
    OPERATOR: Final = 4
    ATTRIBUTES: Final = 5
    DOMAIN: Final = 7


class Attribute:
    """Fields of an ``AttributeProto``; names in the plural are lists."""

    NAME: Final = 1
    FLOAT: Final = 2
    INT: Final = 3
    TEXT: Final = 4
    TENSOR: Final = 5
    GRAPH: Final = 6
    FLOATS: Final = 7
    INTS: Final = 8
    TENSORS: Final = 10
    GRAPHS: Final = 11
    KIND: Final = 20
    SPARSE: Final = 22
    SPARSES: Final = 23


class Tensor:
    """Fields of a ``TensorProto``."""

    DIMS: Final = 1
    TYPE: Final = 2
    FLOAT_DATA: Final = 4
    INT32_DATA: Final = 5
    INT64_DATA: Final = 7
    NAME: Final = 8
    RAW: Final = 9
    EXTERNAL: Final = 13
    LOCATION: Final = 14


class Sparse:
    """Fields of a ``SparseTensorProto``: both are tensors."""

    VALUES: Final = 1
    INDICES: Final = 2


class Pair:
    """Fields of a ``StringStringEntryProto``."""

    KEY: Final = 1
    VALUE: Final = 2


class Value:
    """Fields of a ``ValueInfoProto``, and of what lies inside of it."""

    NAME: Final = 1
    TYPE: Final = 2
    TENSOR_TYPE: Final = 1
    ELEMENT: Final = 1
    SHAPE: Final = 2
    AXES: Final = 1
    LENGTH: Final = 1


ELSEWHERE: Final = 1
"""The location of a tensor whose bytes lie in another file."""


class Element:
    """Numbers of ``TensorProto.DataType``."""

    FLOAT: Final = 1
    UINT8: Final = 2
    INT8: Final = 3
    UINT16: Final = 4
    INT16: Final = 5
    INT32: Final = 6
    INT64: Final = 7
    BOOL: Final = 9
    FLOAT16: Final = 10
    DOUBLE: Final = 11
    UINT32: Final = 12
    UINT64: Final = 13
    BFLOAT16: Final = 16
    FLOAT8_E4M3: Final = 17
    FLOAT8_E5M2: Final = 19
