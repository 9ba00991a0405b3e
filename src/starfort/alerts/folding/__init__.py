"""Many rows become one alert here: a person is told of one thing to look at, not of each row of it.

`groups.py` has what all of them share. `episodes.py` folds the signals of detectors over time, `findings.py`
new posture findings, `news.py` what is new in the catalogue, and `beats.py` detectors that are behind.
"""
