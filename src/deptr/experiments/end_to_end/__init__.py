"""Does depth help a tracker that predicts identities from a detector's queries? Six arms, one answer."""
