"""The same job that does nothing in other queues on Redis, each set up as its own documentation recommends.

They run in an environment of their own (`requirements-peers.lock`), so that none of their libraries is one of ours.
"""
