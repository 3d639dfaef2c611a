package collector

// Origin is the ce-source of a collector's messages.
func Origin(source, foundation string) string {
	return "daybook/collector/" + source + "/" + foundation
}
