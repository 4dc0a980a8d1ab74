"""The meeting point of window and engine: beside it only queries, which the worker answers, call the engine.

`Controller` lives on the GUI thread and knows plain values only. `Workspace` lives on the worker thread
and holds the session. Between them go immutable jobs and queries, and snapshots back.
"""
