"""Go's text/template: lexer, parser, evaluator. A language of its own, without I/O or Python's objects.

The reference is the documentation of Go's packages text/template and fmt.
"""
