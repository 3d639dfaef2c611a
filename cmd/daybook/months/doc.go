// Package months has the commands about the months of foundations: what is closed (list.go), and
// the acts that close and open them, or say how they close (decide.go, give.go).
package months
