"""DECIDE: the plan, the ordered checks, the gates, the cutover machine and its journal."""
