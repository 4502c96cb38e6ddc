"""From records to what people read: published numbers, table cells, renderers, figures."""
