"""Harbourline, the demonstration company: people, eighteen months of requests, work, tools.

`plan` draws what happens, from a seed and a moment, without touching the database; `replay`
writes it through the services, `bulk` writes the same rows by COPY where that would take hours.
"""
