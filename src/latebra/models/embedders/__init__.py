"""Networks that turn a voice, a text or a picture into a vector: near for like, far for unlike.

``find(kind)`` gives an ``Embedder``: its network as an ONNX file with a card, ``inputs`` that
prepares a sample for it, and ``pooled`` that makes one vector of what it gave. Who compiles and
runs the network is none of its business.
"""
