// Package rating prices spans with a catalogue: one span by Rate, the spans of an offline
// calculation by Crop, Join and Price.
//
// The package is pure: the same spans and the same catalogue give the same lines, to the last
// digit. The pricer's book and daybook rate use it; it knows neither streams nor files.
package rating
