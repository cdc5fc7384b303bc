"""The diagnoses. A module is one idea: its docstring holds the page of each of its codes (see `hexnote/diagnosis.py`).

A page stands before the code of its rule, and says in this order what it means, how it is known, the usual
causes, what to try, the source, and the sample that shows it.
"""
