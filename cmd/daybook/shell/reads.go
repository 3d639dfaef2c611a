package shell

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/api/client"
	"github.com/daybook-billing/daybook/events/statement"
	"github.com/daybook-billing/daybook/ledger"
)

// Reads are the flags of a command that reads: from NATS, or where API is set from there.
type Reads struct {
	NATS
	API       string `name:"api" env:"DAYBOOK_API_URL" placeholder:"URL" help:"Ask this API, not NATS, such as https://daybook.example.org."`
	Token     string `env:"DAYBOOK_TOKEN" help:"Token for the API. Others on this machine see command lines: use the variable, or --token-file."`
	TokenFile string `env:"DAYBOOK_TOKEN_FILE" placeholder:"FILE" help:"File of the token."`
	APICA     string `name:"ca" env:"DAYBOOK_API_CA" placeholder:"FILE" help:"CA certificates of the API (PEM; default: the system's)."`
}

// Ask asks the API of the flags: see client.Ask.
func Ask[O any](e *Env, f *Reads, path string, question any) (*O, error) {
	api, err := f.client()
	if err != nil {
		return nil, err
	}
	return client.Ask[O](e.Ctx, api, path, question)
}

// Send asks the API of the flags with a body: see client.Send.
func Send[O any](e *Env, f *Reads, path string, body any) (*O, error) {
	api, err := f.client()
	if err != nil {
		return nil, err
	}
	return client.Send[O](e.Ctx, api, path, body)
}

// Copy writes an answer of any length of the API of the flags: see client.Copy.
func (f *Reads) Copy(e *Env, path string, question any, w io.Writer) (http.Header, error) {
	api, err := f.client()
	if err != nil {
		return nil, err
	}
	return client.Copy(e.Ctx, api, path, question, w)
}

// Statements are the statements of an answer of the API of the flags.
func (f *Reads) Statements(e *Env, question *answer.StatementsQuestion) (x *answer.Statements,
	all []statement.Statement, err error,
) {
	x, err = Ask[answer.Statements](e, f, "statements", question)
	if err != nil {
		return nil, nil, err
	}
	all = make([]statement.Statement, len(x.Statements))
	for i, text := range x.Statements {
		if err := all[i].DecodeJSON(text); err != nil {
			return nil, nil, fmt.Errorf("a statement of the API: %w", err)
		}
	}
	return x, all, nil
}

// Statement is ledger.Statement by the API of the flags.
func (f *Reads) Statement(e *Env, tenant, foundation, month string, number uint64) (*statement.Statement, error) {
	_, all, err := f.Statements(e, &answer.StatementsQuestion{
		Whose: answer.Whose{Foundation: foundation, Tenant: tenant}, Month: month, All: true,
	})
	if err != nil {
		return nil, err
	}
	return ledger.PickStatement(all, number)
}

// client is the API of the flags.
func (f *Reads) client() (*client.Client, error) {
	token := f.Token
	if f.TokenFile != "" {
		if token != "" {
			return nil, errors.New("give one token: --token-file, or DAYBOOK_TOKEN")
		}
		text, err := readSome(f.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("the token: %w", err)
		}
		token = string(text)
	}
	return client.New(client.Config{URL: f.API, Token: token, CAFile: f.APICA})
}
