"""``easel stylize``: one picture, or a folder of them."""
