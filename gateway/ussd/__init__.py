"""USSD: a hop comes in, a screen goes out.

road.py takes a hop from request to reply: dialling.py the first one of a session, inputs.py what is typed. transcript.py finds
the hop's input in the session's whole text, past.py and displaced.py know hops of earlier sessions, sessions.py keeps sessions in
Redis by redis_batches.py, failing.py decides what is said where something breaks. A provider's folder reads its form.
"""
