"""A run's backup on the Hub: uploaded while it trains, validated and restored on another machine.

Knows runs and the Hub.
"""
