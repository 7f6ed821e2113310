"""A server of the Model Context Protocol, whose tools call a server of Easel."""
