"""The proof of a plan, rule by rule; nothing here knows how plans are found.

Each file holds the rules about one thing. All of them take a plan whose structure has been checked
(``structure``) and whose regions hold their values (``regions``).
"""
