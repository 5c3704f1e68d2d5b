"""The same lives, billed by CloudKitty and by Billow beside each other."""
