package arch

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// mapHeading begins the part of the README with the table of folders.
const mapHeading = "## The folders"

// roomed are the folders of rooms: each folder in them has a place in the README's map.
var roomed = []string{".", "internal", "internal/lab"}

// FolderMap holds the table of folders in the README to the tree: each folder of the table exists,
// and each folder at the root, in internal and in internal/lab is in the table, or holds a folder
// of the table.
func (t *Tree) FolderMap(readme string) []string {
	_, text, found := strings.Cut(readme, mapHeading)
	if !found {
		return []string{"README.md: has no part " + mapHeading}
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var broken, named []string
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range markdownLink.FindAllStringSubmatch(cells[1], -1) {
			folder := path.Clean(m[1])
			named = append(named, folder)
			if !t.folders[folder] {
				broken = append(broken, fmt.Sprintf("README.md: its map has the folder %s, which does not exist",
					folder))
			}
		}
	}
	for folder := range t.folders {
		if folder == "." || strings.HasPrefix(folder, ".") || !slices.Contains(roomed,
			path.Dir(folder)) {
			continue
		}
		if !slices.ContainsFunc(named, func(n string) bool { return within(n, []string{folder}) }) {
			broken = append(broken, fmt.Sprintf("README.md: its map leaves out %s", folder))
		}
	}
	slices.Sort(broken)
	return broken
}
