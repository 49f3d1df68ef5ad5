"""What Jasho does, channel or no channel: a plain module a subject, plain async functions.

A service takes a Runtime and typed arguments and answers with a frozen dataclass, or raises a Refusal. Phone menus, SMS and
the REST API all call the same ones.
"""
