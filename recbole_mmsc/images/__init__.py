"""Pictures of products: where they come from, and how they are opened without trusting them."""
