"""Folds many rows into one alert, so that a person gets one message for one thing, and not one for each row.

`groups.py` has the parts that all of them share. `episodes.py` folds the signals of detectors over time,
`findings.py` folds new posture findings, `news.py` folds news of the catalogue, and `beats.py` folds the
problems of detectors that are behind.
"""
