"""What a phone shows. No HTTP and no SQL in here: tables of screens, their handlers, and the engine that walks them.

To read a feature, open its file: its handlers and its screens are all there. dsl.py explains the words.
"""
