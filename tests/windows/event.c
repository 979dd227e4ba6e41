/* event NUMBER DELAY_MS COMMAND...: starts the command, sends it a console event and reports its exit code.
   NUMBER is 0 for Ctrl-C and 1 for Ctrl-Break. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static BOOL WINAPI ignore(DWORD event) { return TRUE; }

int main(int count, char **words)
{
    char line[8000] = "";
    if (count < 4) return 99;
    SetConsoleCtrlHandler(ignore, TRUE);
    for (int i = 3; i < count; i++) {
        strcat(line, "\"");
        strcat(line, words[i]);
        strcat(line, "\" ");
    }
    DWORD event = atoi(words[1]);
    STARTUPINFOA start = {sizeof start};
    PROCESS_INFORMATION child;
    /* Ctrl-Break can be sent to one process group, Ctrl-C only to all processes of the console. */
    DWORD flags = event == CTRL_BREAK_EVENT ? CREATE_NEW_PROCESS_GROUP : 0;
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, flags, NULL, NULL, &start, &child)) return 98;
    Sleep(atoi(words[2]));
    if (!GenerateConsoleCtrlEvent(event, event == CTRL_BREAK_EVENT ? child.dwProcessId : 0)) return 97;
    DWORD code = 96;
    WaitForSingleObject(child.hProcess, 60000);
    GetExitCodeProcess(child.hProcess, &code);
    printf("exit code %lu\n", code);
    return 0;
}
