"""From text to an indicator: types, normal forms, private addresses."""
