"""Exploring new titles and new categories in one slot of a list: what to try, what was learnt, what others would do.

Each choice is drawn with a probability that is known exactly and logged, so that any other rule can be judged from the
log. What is learnt is released again and again under one guarantee for the whole stream.
"""
