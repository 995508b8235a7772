"""The command line's other half: commands that ask a service, on this machine or elsewhere.

Knows the service by its public APIs only: imports nothing else of odimra. Called by ``cli``, which
loads a command when it is used.
"""
