"""Monitoring: has the world moved away from what the champion learned?"""
