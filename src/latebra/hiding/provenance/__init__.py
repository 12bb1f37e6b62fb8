"""Say who signed a picture: a record that is signed, and a hash that binds it to the picture."""
