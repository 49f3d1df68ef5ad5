"""What a phone shows. No HTTP and no SQL in here: tables of screens, their handlers, and the engine that walks them.

To read a feature, open its file: the screens stand on top, the handlers below. dsl.py explains the words.
"""
