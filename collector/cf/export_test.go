package cf

import "time"

// Rows cuts a page into its events.
func Rows(body []byte) (guids []string, created []time.Time, err error) {
	rows, _, err := appendRows(nil, body)
	for i := range rows {
		guids, created = append(guids, rows[i].guid), append(created, rows[i].created)
	}
	return guids, created, err
}
