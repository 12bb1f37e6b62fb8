"""Language models of the Llama architecture, from a GGUF file to ONNX graphs.

``catalogue.find(name_or_path)`` gives a ``LanguageModel``: ``onnx`` returns the path of a graph,
``card_for`` its card with a golden vector. What it makes fits together by names:

Graphs, each of one ``dtype`` (``float32`` or ``float64``) throughout, all lengths fixed when built:

- ``step``: ``tokens`` int64 [batch, length] that stand at ``position`` int64 [1] and after it;
  ``keys`` and ``values`` [layers, batch, kv_heads, capacity, head_dim], of which the first
  ``position`` places are read, and the others must hold finite numbers. Gives ``logits``
  [batch, length, vocabulary], and ``new_keys`` and ``new_values``
  [layers, batch, kv_heads, length, head_dim], which the caller writes into its own cache at
  ``position``. Tokens after the last real one, in a chunk that is not full, change nothing before
  them: the caller ignores their logits and does not keep their keys and values.
- ``full``: ``tokens`` int64 [batch, length] gives ``logits`` [batch, length, vocabulary].

Facts in ``card.about``:

- ``tokenizer``: JSON for ``tokenizers.Tokenizer.from_str``.
- ``vocabulary``: how many tokens; ``context``: the most positions; ``layers``, ``heads``,
  ``kv_heads``, ``head_dim``.
- ``begin``: the id of the token that every text starts with, or None where texts start bare.
- ``end``: ids of tokens that end a turn or a text, a list. ``special``: ids that stand for no text.
- ``chat``: None for a model without a template; else strings by name: ``system``, ``user`` and
  ``assistant`` open a turn, ``close`` ends one, ``usual_system`` is what the system says unless
  told. They contain special tokens: encode each as it stands.
- ``error``: largest difference of logits between two correct ends, in the graph's ``dtype``; on the
  model's own card, in float32.
- ``licence``, ``source``, ``file``: where it comes from, and the file's SHA-256.
- ``graph``: for the card of one graph: ``kind``, ``dtype``, ``batch``, ``length``, ``capacity``.
"""
