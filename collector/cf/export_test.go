package cf

import "time"

// Rows cuts a page into its events; one that is unreadable has no guid.
func Rows(body []byte) (guids []string, created []time.Time, err error) {
	rows, _, err := appendRows(nil, body)
	for i := range rows {
		if rows[i].unreadable != nil {
			rows[i].guid = ""
		}
		guids, created = append(guids, rows[i].guid), append(created, rows[i].created)
	}
	return guids, created, err
}
