"""The storefront: a page for a person, over the public HTTP interface alone."""
