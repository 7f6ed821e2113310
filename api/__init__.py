"""The HTTP face of Easel. It never imports torch, ``core.nst`` or ``worker``."""
