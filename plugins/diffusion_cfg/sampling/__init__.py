"""From noise to a picture: the loop over diffusers' samplers, and the ways of guiding it."""
