package client

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
)

// parameters are the fields of a question, by the names in their tags.
func parameters(question any) (query url.Values, path map[string]string) {
	query, path = url.Values{}, map[string]string{}
	if question != nil {
		collect(reflect.Indirect(reflect.ValueOf(question)), query, path)
	}
	return query, path
}

func collect(x reflect.Value, query url.Values, path map[string]string) {
	for i := range x.NumField() {
		field, value := x.Type().Field(i), x.Field(i)
		switch {
		case field.Anonymous:
			collect(value, query, path)
		case value.IsZero():
		case field.Tag.Get("path") != "":
			path[field.Tag.Get("path")] = fmt.Sprint(value)
		case field.Tag.Get("query") == "":
		case value.Kind() == reflect.Slice:
			parts := make([]string, value.Len())
			for j := range parts {
				parts[j] = fmt.Sprint(value.Index(j))
			}
			query.Set(field.Tag.Get("query"), strings.Join(parts, ","))
		default:
			query.Set(field.Tag.Get("query"), fmt.Sprint(value))
		}
	}
}
