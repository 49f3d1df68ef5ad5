"""USSD: a hop comes in, a screen goes out.

road.py takes a hop from request to reply, transcript.py finds the hop's input in the session's whole text, sessions.py keeps
sessions in Redis by redis_batches.py. A provider's folder reads its form.
"""
