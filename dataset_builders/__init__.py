"""Raw product metadata in, a RecBole dataset folder out.

Needs neither torch nor RecBole. The way through the package: :mod:`.reading` yields products, a
catalogue collects them, label policy and split turn their references into relations, and the
folder is written and audited. Nothing that is read is ever executed.
"""
