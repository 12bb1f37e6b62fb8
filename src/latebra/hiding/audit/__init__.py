"""What a steganalyst would see."""
