"""Notifications: who subscribes to what is told when it changes (IEEE 2030.5-2018, 8.7).

A writer commits a ResourceChange with the change (`resources.outbox`). Read `addresses` (where notifications
may go), `subscriptions` (the rows behind Subscription documents, and how they end), `expansion` (from changes
to notifications that are due), `representation` (what is sent), `queue` (which are sent when, and what became
of them), `receivers` (connections), `delivery` (many at once) and `service` (the thread of the worker).
"""
