"""Which CI system is this, what does it say of this run, how does one speak to it. A leaf package."""
