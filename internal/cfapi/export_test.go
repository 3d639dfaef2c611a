package cfapi

// AppendEvents cuts a page into its events.
func AppendEvents(all []Event, body []byte) ([]Event, error) {
	all, _, err := appendEvents(all, body)
	return all, err
}
