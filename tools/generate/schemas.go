package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// schemaBase is where the schemas' ids begin. They are names; nobody has to fetch them.
const schemaBase = "https://github.com/daybook-billing/daybook/schemas/"

// messages are the messages on the wire, with the names of their schemas: those of
// their CloudEvents types.
var messages = map[string]string{
	"Usage":         "usage",
	"Horizon":       "horizon",
	"Gap":           "gap",
	"Act":           "act",
	"Quarantined":   "quarantined",
	"Metered":       "metered",
	"AnomalyNotice": "anomaly",
	"Catalogue":     "catalogue",
	"Closing":       "closing",
	"Marker":        "marker",
	"Billing":       "billing",
	"UnratedNotice": "unrated",
	"Effect":        "effect",
	"Statement":     "statement",
}

// document is a schema file, in its best order for a reader.
type document struct {
	Schema      string         `json:"$schema"`
	ID          string         `json:"$id"`
	Title       string         `json:"title"`
	Description any            `json:"description"`
	Type        any            `json:"type"`
	Properties  any            `json:"properties"`
	Additional  any            `json:"additionalProperties"`
	Defs        map[string]any `json:"$defs,omitempty"`
}

// writeSchemas makes the readable schemas of the plugin's bundles: strict, for the JSON names.
func writeSchemas(from, to string) error {
	for message, name := range messages {
		path := filepath.Join(from, "daybook.v1."+message+".jsonschema.strict.bundle.json")
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("the schema plugin made nothing of message %s: %w", message, err)
		}
		out, err := readable(message, name, text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.WriteFile(filepath.Join(to, name+".schema.json"), out,
			0o644); err != nil { //nolint:gosec // for all to read
			return err
		}
	}
	return nil
}

func readable(message, name string, text []byte) ([]byte, error) {
	var bundle struct {
		Defs map[string]map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal(text, &bundle); err != nil {
		return nil, err
	}
	doc := document{
		Schema: "https://json-schema.org/draft/2020-12/schema", ID: schemaBase + name + ".schema.json",
		Defs: map[string]any{},
	}
	for key, def := range bundle.Defs {
		short := shortName(key)
		// The plugin's title is "Anomaly Notice", or the first of several paragraphs.
		if title, _ := def["title"].(string); strings.ReplaceAll(title, " ", "") != short {
			return nil, fmt.Errorf("write the comment of message %s as one paragraph", short)
		}
		def["title"] = short
		delete(def, "$schema")
		if err := asWritten(def); err != nil {
			return nil, fmt.Errorf("%s: %w", short, err)
		}
		if short != message {
			doc.Defs[short] = def
			continue
		}
		doc.Title, doc.Description = short, def["description"]
		doc.Type, doc.Properties, doc.Additional = def["type"], def["properties"], def["additionalProperties"]
	}
	if doc.Title == "" {
		return nil, fmt.Errorf("message %s is not in it", message)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(doc)
	return out.Bytes(), err
}

// asWritten changes a schema to the form of proto3 JSON: defaults are left out, so nothing is
// required, and 64-bit numbers, the only ones without a maximum, are strings.
func asWritten(node any) error {
	switch n := node.(type) {
	case []any:
		for _, e := range n {
			if err := asWritten(e); err != nil {
				return err
			}
		}
	case map[string]any:
		if names, ok := n["required"].([]any); ok && len(names) > 0 {
			delete(n, "required")
		}
		if ref, ok := n["$ref"].(string); ok {
			n["$ref"] = "#/$defs/" + shortName(strings.TrimPrefix(ref, "#/$defs/"))
		}
		if text, ok := n["description"].(string); ok {
			n["description"] = oneLine(text)
		}
		if n["type"] == "integer" && n["maximum"] == nil {
			if n["minimum"] != 0.0 {
				return fmt.Errorf("a number that is neither uint32 nor uint64: teach tools/generate how it is "+
					"written: %v", n)
			}
			delete(n, "minimum")
			n["type"], n["pattern"] = "string", "^(0|[1-9][0-9]{0,19})$"
		}
		for _, e := range n {
			if err := asWritten(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// shortName is "Span" for daybook.v1.Span.jsonschema.strict.json.
func shortName(key string) string {
	key = strings.TrimSuffix(key, ".jsonschema.strict.json")
	return key[strings.LastIndexByte(key, '.')+1:]
}

// oneLine joins the lines of a paragraph.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
