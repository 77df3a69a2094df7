"""A result as one page to look at: data, video, and the page that draws them."""
