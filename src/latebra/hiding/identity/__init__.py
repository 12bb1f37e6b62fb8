"""What a voice, a picture or a text is worth as half of a key, and the vault that it opens.

It is no carrier: nothing is put into a cover. A sample goes in as an array of numbers, an embedding
that somebody else computed; out come bits that come out again for a like sample, and for nobody
who lacks the second factor.
"""
