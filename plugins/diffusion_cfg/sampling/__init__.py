"""From noise to images: requests, samplers, guidance methods and the sampling loop."""
