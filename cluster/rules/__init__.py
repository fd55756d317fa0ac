"""The Gateway API's rules, and who refers to whom, over a picture of the cluster."""
