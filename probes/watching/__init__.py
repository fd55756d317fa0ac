"""Questions asked over time: samples from sources, sequential tests over them."""
