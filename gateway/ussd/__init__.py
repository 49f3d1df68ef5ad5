"""USSD: a hop comes in, a screen goes out.

africastalking.py reads the network's form, road.py takes the hop from request to reply, transcript.py finds this hop's input
in the session's whole text, sessions.py keeps sessions in Redis, events.py takes note of how sessions ended.
"""
