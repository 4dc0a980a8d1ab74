"""Logs, crash evidence, error reports, versions, licences and the self-test."""
