"""Tables: which rows are shown, in which order, and what each column says."""
