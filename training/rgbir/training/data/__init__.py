"""What a run trains on: its images, which of them make a batch, and how a batch is made of them."""
